"""What exports call our columns, tables and words, in English and German; names are compared without case and signs."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

_CUSTOMER: Final = (
    "customerid customer custid customernumber customerno custno clientid client clientnumber accountid account userid user"
    " memberid member subscriberid contactid distinctid kundennummer kundennr kundenid kdnr kunde kundenkennung mitgliedsnummer"
    " mitgliedid mitglied nutzerid nutzer benutzerid benutzer"
)
_ANY_TIME: Final = "timestamp datetime date time datum zeitpunkt zeitstempel zeit createdat created erstelltam erstellt"

# By table and column, the likeliest name first. `id` and the general words for a time count for the table's own alone.
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "customers": {
        # A mailing tool's own number of a contact joins nothing; beside it stands the company's.
        "customer_id": f"{_CUSTOMER.replace(' contactid', ' externalid extid contactid')} id nummer",
        "signed_up_at": "signedupat signupdate signedup signup registeredat registered registrationdate joinedat joindate joined"
        " membersince customersince kundeseit mitgliedseit angemeldetam anmeldedatum anmeldung registriertam registrierung"
        " registrationinittime registrationtime eintrittsdatum eintritt angelegtam createdat created createddate erstelltam",
        "birth_date": "birthdate dateofbirth dob birthday born geburtsdatum geburtstag geborenam geboren",
        "city": "city town ort stadt wohnort",
        "country": "country countrycode land laendercode",
        "email": "email emailaddress mail emailadresse mailadresse",
        "phone": "phone phonenumber telephone mobile telefon telefonnummer mobil handy rufnummer",
        "marketing_consent": "marketingconsent emailmarketingconsent consent optin marketingoptin marketing newsletterconsent gdprconsent acceptsmarketing"
        " einwilligung werbeeinwilligung werbung zustimmung werbeerlaubnis",
        "objected_at": "objectedat optoutat optedoutat optoutdate unsubscribedat unsubscribedon unsubscribedate unsubscribetime"
        " unsubtime unsubat unsubdate optouttime blocklistedat blacklistedat suppressedat unsubscribed widersprucham"
        " widersprochenam widerspruch werbewiderspruch newsletterabgemeldetam newsletterabgemeldet abbestelltam",
    },
    "subscriptions": {
        "subscription_id": "subscriptionid subscription subscriptionnumber contractid contractnumber contract membershipid"
        " vertragsnummer vertragsnr vertragid vertrag abonummer aboid abo abonnement id",
        "customer_id": _CUSTOMER,
        "started_at": "startedat startdate start starton begin begindate validfrom activatedat contractstart vertragsbeginn"
        " beginn beginnam startdatum gestartetam gueltigab laufzeitbeginn abschlussdatum createdat created",
        "plan": "plan planname planid product productname tier package tarif tarifname produkt paket",
        "monthly_fee": "monthlyfee fee mrr monthlyprice price monthlycharge monthlycharges pricepermonth feepermonth monthlyamount"
        " amountpermonth monthlycost costpermonth monthlyrate monthlyrecurringrevenue subscriptionfee subscriptionprice"
        " preispromonat beitragpromonat kostenpromonat gebuehrpromonat monatlicherpreis monatlicherbeitrag monatsbeitrag monatspreis beitrag"
        " monatsgebuehr gebuehr preis",
        "canceled_at": "canceledat cancelledat cancellationdate canceled cancelled canceldate cancelledon gekuendigtam"
        " kuendigungsdatum kuendigungam kuendigung",
        "ended_at": "endedat enddate end ended validto expiresat expirydate terminationdate contractend vertragsende ende"
        " endetam beendetam enddatum gueltigbis laufzeitende",
        "end_reason": "endreason cancelreason cancellationreason churnreason reason endegrund kuendigungsgrund grund",
    },
    "payments": {
        "payment_id": "paymentid chargeid transactionid transaction invoiceid invoicenumber invoice orderid zahlungsnummer"
        " zahlungid zahlungsid rechnungsnummer rechnungsnr rechnung transaktionsid buchungsnummer id",
        "customer_id": _CUSTOMER,
        "attempted_at": "attemptedat paidat paymentdate chargedat transactiondate invoicedate billedat zahlungsdatum"
        f" bezahltam gezahltam rechnungsdatum buchungsdatum buchungstag {_ANY_TIME}",
        "amount": "amount actualamountpaid amountpaid paidamount total price sum value grossamount betrag summe bruttobetrag preis zahlbetrag",
        "status": "status state paymentstatus result zahlungsstatus zustand",
        "method": "method paymentmethod paymenttype zahlungsart zahlart zahlungsmethode zahlungsweise",
    },
    "sessions": {
        "customer_id": _CUSTOMER,
        "started_at": "startedat sessionstart loginat loggedinat logintime loginstart login start starttime visitedat visitdate"
        f" anmeldezeit anmeldung loginzeit besuchtam besuch beginn beginnam {_ANY_TIME}",
        "duration_minutes": "durationminutes minutes durationmin sessionminutes dauerminuten dauerinminuten minuten dauermin",
    },
    "support_tickets": {
        "ticket_id": "ticketid ticket ticketnumber ticketno caseid casenumber case issueid ticketnummer ticketnr"
        " anfragenummer anfrage vorgangsnummer vorgang fallnummer id",
        "customer_id": f"{_CUSTOMER} requesterid requester",
        "opened_at": f"openedat opened opendate submittedat reportedat eroeffnetam eroeffnet gemeldetam eingangam eingang {_ANY_TIME}",
        "closed_at": "closedat closed closedate resolvedat resolved solvedat geschlossenam geschlossen geloestam erledigtam",
        "category": "category tickettype topic type subject kategorie thema art",
    },
    "contacts": {
        "customer_id": _CUSTOMER,
        "contacted_at": f"contactedat contactdate sentat calledat kontaktiertam kontaktdatum gesendetam versandtam {_ANY_TIME}",
        "campaign": "campaign campaignname campaignid kampagne aktion",
        "channel": "channel medium kanal weg",
    },
    "events": {
        "customer_id": _CUSTOMER,
        "event_type": "eventtype event eventname name action type ereignis ereignistyp ereignisart aktion typ",
        "occurred_at": f"occurredat eventtime eventdate eventtimestamp happenedat ereigniszeit {_ANY_TIME}",
        "event_id": "eventid insertid messageid uuid ereignisid ereignisnummer id",
        "quantity": "quantity count qty amount menge anzahl",
    },
    "churn_events": {
        "customer_id": _CUSTOMER,
        "churned_at": "churnedat churndate leftat leftdate lostat lostdate attritiondate abgangam abgangsdatum",
        "reason": "churnreason leavingreason lostreason abgangsgrund",
    },
    "customer_snapshots": {
        "customer_id": f"{_CUSTOMER} id nummer",
        "snapshot_date": "snapshotdate asof asofdate period month monthend reportdate stichtag monat auswertungsdatum berichtsmonat"
        " datum date",
        "has_churned": "haschurned churned churn ischurned churnflag churnlabel churnvalue churnstatus churnindicator attrition"
        " attritionflag exited label target abgewandert gekuendigt abwanderung gegangen",
    },
}  # fmt: skip

FILE_NAMES: Final[dict[str, str]] = {  # what a file of the table is called; any of these within its name
    "customers": "customer client account user member subscriber kunde mitglied nutzer stammdaten",
    "subscriptions": "subscription contract membership abo vertrag vertraege abonnement",
    "payments": "payment charge transaction invoice order billing zahlung rechnung buchung umsatz",
    "sessions": "session login visit usage sitzung besuch anmeldung nutzung",
    "support_tickets": "ticket support case issue anfrage beschwerde vorgang",
    "contacts": "contact outreach call campaign kontakt anruf kampagne",
    "events": "event activity activities log tracking ereignis aktivitaet",
    "churn_events": "churned churnevent attrition leaver abgang abgaenge",
    "customer_snapshots": "snapshot panel churn telco attrition abwanderung",
}

TELLING: Final = {  # columns that few other tables have
    ("customers", "birth_date"), ("customers", "email"), ("customers", "marketing_consent"), ("customers", "signed_up_at"),
    ("subscriptions", "canceled_at"), ("subscriptions", "ended_at"), ("subscriptions", "monthly_fee"),
    ("subscriptions", "subscription_id"), ("payments", "payment_id"), ("payments", "amount"), ("payments", "status"),
    ("sessions", "duration_minutes"), ("support_tickets", "ticket_id"), ("support_tickets", "closed_at"),
    ("contacts", "campaign"), ("contacts", "channel"), ("events", "event_type"), ("events", "event_id"),
    ("churn_events", "churned_at"), ("churn_events", "reason"), ("customer_snapshots", "has_churned"), ("customer_snapshots", "snapshot_date"),
}  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _meanings(**words: str) -> dict[str, str]:
    """Return, by word, the value that it means; each keyword is a value with its words."""
    return {word: value for value, text in words.items() for word in text.split()}


YES: Final = _words(
    "ja j yes y true t 1 granted given agreed accepted optin optedin subscribed erteilt zugestimmt wahr oui si x"
)
NO: Final = _words(
    "nein n no false f 0 denied refused withdrawn declined optout optedout unsubscribed neversubscribed abgelehnt widerrufen falsch non verweigert"
)
PLAIN_YES_NO: Final = _words("true t yes y 1 1.0 false f no n 0 0.0")  # what a load reads without being told
LEFT: Final = _words(
    "churned churn left lost exited attrited lapsed churnedcustomer attritedcustomer lostcustomer gekuendigt abgewandert gegangen verloren"
)
CHURNED: Final = YES | LEFT
STAYED: Final = NO | _words(
    "stayed stay active retained existing current existingcustomer currentcustomer activecustomer aktiv geblieben bestand bestandskunde"
)
STATUS: Final = _meanings(
    succeeded="succeeded success successful paid ok settled completed bezahlt erfolgreich beglichen",
    failed="failed failure declined unpaid rejected error fehlgeschlagen abgelehnt ruecklastschrift geplatzt",
    refunded="refunded refund reversed chargeback erstattet rueckerstattet gutschrift",
)
END_REASON: Final = _meanings(
    voluntary="voluntary canceled cancelled customer customerrequest customerrequested requestedbycustomer canceledbycustomer"
    " cancelledbycustomer userrequest usercanceled usercancelled cancellation kuendigung kundenwunsch freiwillig gekuendigt",
    payment_failure="paymentfailure paymentfailed failedpayment nonpayment unpaid pastdue delinquent dunning carddeclined declined"
    " paymentdeclined cardexpired expiredcard insufficientfunds zahlungsausfall nichtzahlung zahlungsverzug ruecklastschrift mahnung",
    plan_change="planchange planchanged upgrade upgraded downgrade downgraded switched converted tarifwechsel wechsel",
    pause="pause paused onhold frozen pausiert ruhend",
)


_NUMBER = re.compile(r"(?<=[a-z]{3})(?:nummer|number|kennung|num|nr|no|id)\Z")


def numbered(name: str) -> str:
    """Return what a plain name says is numbered, as `zahlungs#` for zahlungsnr and zahlungsnummer; empty for another name."""
    bare, count = _NUMBER.subn("", name)
    return f"{bare}#" if count else ""


def plain(name: str) -> str:
    """Return a name as names are compared: lower case, umlauts written out, letters and digits alone."""
    spelled = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", name).lower().translate(_GERMAN))
    return re.sub(r"[^a-z0-9]", "", spelled)
