"""Every table the lake may hold, in one index."""

from features.audience_tables import AUDIENCE_TABLES
from features.catalogue import FEATURE_TABLES
from features.contract import Contract, contract_index
from features.cube.cube_tables import CUBE_TABLES
from features.output_tables import PRODUCTS_OF_SYSTEM
from features.quarantine import quarantine_contract
from features.source_tables import SOURCES
from features.tag_sheet.tag_table import CUSTOMER_TAGS
from features.tags.post_tag_table import POST_TAGS


def all_contracts() -> dict[str, Contract]:
    """Contracts of all tables by name."""
    quarantined = [quarantine_contract(c) for c in SOURCES]
    tags = (POST_TAGS, CUSTOMER_TAGS)
    return contract_index(
        [SOURCES, quarantined, tags, CUBE_TABLES, FEATURE_TABLES, PRODUCTS_OF_SYSTEM, AUDIENCE_TABLES]
    )
