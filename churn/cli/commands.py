"""Every command with the module that holds it and its line in `churn --help`, so that the help loads no module.

A test compares this table with what the modules register.
"""

from __future__ import annotations

from typing import NamedTuple


class CommandEntry(NamedTuple):
    """A command or group of commands: the module of this folder that registers it, its first line of help, where it stands."""

    module: str
    summary: str
    panel: str = ""
    is_hidden: bool = False


BEGIN = "Begin"
DATA = "Bring data in"
MODELS = "Models"
RISK = "Risk"
SHARE = "Read it with other tools"
MONEY = "Campaigns and money"
RUNNING = "Run it"
PEOPLE = "People and rights"

COMMANDS: dict[str, CommandEntry] = {  # in the order of `churn --help`
    "init": CommandEntry(
        "project", "Write a commented churn.toml to start from, example campaigns and a programme.", BEGIN
    ),
    "demo": CommandEntry(
        "project",
        "Run the whole loop on a simulated company: events, model, risk list, campaigns, and what they caused.",
        BEGIN,
    ),
    "check": CommandEntry(
        "project", "Check settings, campaigns, programmes, SQL and data quality; changes nothing.", BEGIN
    ),
    "doctor": CommandEntry(
        "doctor", "Look at machine, home, sources, model, jobs and connectors, and say how to fix what is wrong.", BEGIN
    ),
    "generate": CommandEntry(
        "project", "Write only the simulated company's raw files, with the truth beside them.", BEGIN
    ),
    "refresh": CommandEntry("data", "Load what is new from the declared sources, and run the quality checks.", DATA),
    "features": CommandEntry("data", "Compute point-in-time features for one date or many.", DATA),
    "explore": CommandEntry(
        "explore",
        "Profile every column, and find who leaves more than others: tested on later dates, ranked by money at risk.",
        DATA,
    ),
    "train": CommandEntry(
        "models", "Train all candidates, compare them on the same later data, and register the selected one.", MODELS
    ),
    "models": CommandEntry("models", "The registry of models: who served when, promote, roll back.", MODELS),
    "monitor": CommandEntry(
        "monitor",
        "Say whether the model still holds: drift, matured results, skew, turnover, pushes; ranked by money at risk.",
        MODELS,
    ),
    "score": CommandEntry(
        "scores", "Score every customer as of a date, with reasons, and publish the risk list.", RISK
    ),
    "risk-list": CommandEntry("risk_list", "Show or write the current risk list, highest expected profit first.", RISK),
    "explain": CommandEntry(
        "scores", "Show one customer's score, the reasons for it, and what changed since the last run.", RISK
    ),
    "simulate": CommandEntry(
        "simulate",
        "Say what a campaign would cost and bring: the best cut, how sure it is, what matters most, what it assumes.",
        MONEY,
    ),
    "campaigns": CommandEntry("campaigns", "Campaigns as defined in campaigns/*.toml.", MONEY),
    "programmes": CommandEntry(
        "programmes", "Programmes as defined in programmes/*.toml: offers that compete for the same customers.", MONEY
    ),
    "plan": CommandEntry(
        "campaigns",
        "Decide whom to contact with which offer, whom to hold out, what that should bring, and what it can prove.",
        MONEY,
    ),
    "sync": CommandEntry(
        "sync", "Push a campaign to a CRM and keep it in step: `churn sync CAMPAIGN --to CONNECTOR`.", MONEY
    ),
    "audience": CommandEntry(
        "audience", "Write whom a campaign contacts, or the risk list, as hashed e-mails for an ad platform.", MONEY
    ),
    "outcomes": CommandEntry(
        "outcomes",
        "What happened to the customers of campaigns: contacted, accepted, lost, ...; from files and CRMs.",
        MONEY,
    ),
    "measure": CommandEntry(
        "outcomes",
        "Say what a campaign caused: customers kept, money earned, how sure that is, and what its plan had promised.",
        MONEY,
    ),
    "uplift": CommandEntry(
        "uplift",
        "Learn whom contact persuades: uplift out of fold, its Qini with an interval, who is better left alone.",
        MONEY,
    ),
    "experiment": CommandEntry(
        "experiment",
        "Say what a finished A/B test of any tool proves, what each policy earns, and whom to contact.",
        MONEY,
    ),
    "report": CommandEntry(
        "report", "Write the monthly report: one HTML file that opens anywhere, prints well and can be mailed.", MONEY
    ),
    "sql": CommandEntry(
        "sql",
        "Answer SQL over the published tables (docs/tables.md): a copy of the last night, which no job waits for.",
        SHARE,
    ),
    "publish": CommandEntry(
        "sql",
        "Publish the tables that SQL and BI read: in the home, and where [publish] says. Every night does so too.",
        SHARE,
    ),
    "mlflow": CommandEntry(
        "mlflow", "MLflow: trainings as runs, the registry as a registered model, `champion` as its alias.", SHARE
    ),
    "serve": CommandEntry(
        "serve",
        "Serve the web pages and the API until stopped with Ctrl-C; the API's documentation is at /docs.",
        RUNNING,
    ),
    "run": CommandEntry(
        "jobs",
        "Work a job now, step by step, with each step in the ledger; one that was cut off goes on where it stood.",
        RUNNING,
    ),
    "jobs": CommandEntry(
        "jobs", "List the jobs, when each is due, whether a scheduler is running, and the newest runs.", RUNNING
    ),
    "scheduler": CommandEntry(
        "jobs",
        "Work the schedule in the foreground until Ctrl-C: nightly, monthly and retention at their times, and what is asked for.",
        RUNNING,
    ),
    "work": CommandEntry(
        "jobs", "Work a run that a scheduler has claimed: what the scheduler starts for each.", RUNNING, is_hidden=True
    ),
    "health": CommandEntry(
        "health",
        "Say whether the service is ready, or a scheduler running; exit code 6 when not. For containers and probes.",
        RUNNING,
    ),
    "backup": CommandEntry(
        "backup", "Back the home and its store up into a new folder, while the service goes on.", RUNNING
    ),
    "restore": CommandEntry("backup", "Bring a backup back into the home and its store.", RUNNING),
    "users": CommandEntry("users", "People who sign in to the web pages with a password or single sign-on.", PEOPLE),
    "keys": CommandEntry("keys", "Keys of the service: who may call it, and for what.", PEOPLE),
    "privacy": CommandEntry("privacy", "People's rights: export, erase, object to marketing.", PEOPLE),
    "audit": CommandEntry(
        "audit", "Show who did what, newest first: keys, users, models, campaigns, jobs, outcomes sent.", PEOPLE
    ),
}
