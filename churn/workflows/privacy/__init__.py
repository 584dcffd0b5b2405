"""People's rights: export, erasure, objection, retention."""

from churn.workflows.privacy.erase import ErasedCustomer, erase_customers, erase_from_store
from churn.workflows.privacy.export import export_customer, export_path
from churn.workflows.privacy.object import note_objection, object_to_marketing, require_id
from churn.workflows.privacy.object_list import object_by_list
from churn.workflows.privacy.retention import prune_home, retain

__all__ = [
    "ErasedCustomer",
    "erase_customers",
    "erase_from_store",
    "export_customer",
    "export_path",
    "note_objection",
    "object_by_list",
    "object_to_marketing",
    "prune_home",
    "require_id",
    "retain",
]
