"""The methods of Superset that the plugin wraps, a record for each.

None of them is part of an API, and a release may change any. So a record says for which parameters its wrapper was
written; `patching.py` compares them with those of the Superset that starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from superset_campaign_plugin.versions import SUPPORTED

Release = tuple[int, int]


@dataclass(frozen=True)
class Target:
    """A method as some releases have it.

    owners      paths of the classes, or of the module, that have it: `module:Class`
    method      its name
    parameters  the names of its parameters, in their order
    releases    the releases of Superset in which it is so
    """

    owners: tuple[str, ...]
    method: str
    parameters: tuple[str, ...]
    releases: tuple[Release, ...] = SUPPORTED


@dataclass(frozen=True)
class Patch:
    """What the plugin wraps, and why.

    name      of the patch, in errors and logs
    targets   the method, once for each form in which releases have it; a release that none names has no such method
    required  whether Superset must not start without it, since something would be open
    why       what it is for
    without   what a deployment lacks where an optional one is left out
    until     when it can go
    """

    name: str
    targets: tuple[Target, ...]
    required: bool
    why: str
    until: str
    without: str = ""

    def target(self, release: Release) -> Target | None:
        """The method as that release has it; None for a release without it."""
        return next((each for each in self.targets if release in each.releases), None)


_DATASET = "superset.connectors.sqla.models:SqlaTable"
_QUERY = "superset.models.sql_lab:Query"
_PROCESSOR = "superset.common.query_context_processor:QueryContextProcessor"
_SECURITY = "superset.security.manager:SupersetSecurityManager"

_EXPRESSION = ("self", "expression", "database_id", "engine", "schema", "template_processor")
_VALIDATED = ("self", "expression", "expression_type")

_NO_SQL_CHECKS = "Superset itself stops people with row rules from running SQL functions"
_NO_DATABASE_TEXTS = "Superset itself keeps the database's own error text from guests"

FILTERS = Patch(
    name="conditions.filters",
    targets=(
        Target(
            (_DATASET,),
            "get_sqla_query",
            (
                *("self", "apply_fetch_values_predicate", "columns", "extras", "filter", "from_dttm", "granularity"),
                *("groupby", "inner_from_dttm", "inner_to_dttm", "is_rowcount", "is_timeseries", "metrics", "orderby"),
                *("order_desc", "to_dttm", "series_columns", "series_limit", "series_limit_metric"),
                *("group_others_when_limit_reached", "row_limit", "row_offset", "timeseries_limit"),
                *("timeseries_limit_metric", "time_shift"),
            ),
        ),
    ),
    required=True,
    why="filters that would make the database convert text of other people's rows become text, or are refused",
    until="Superset applies row rules before it looks at any other condition",
)
SELECT = Patch(
    name="sql_guard.select",
    targets=(Target((_DATASET, _QUERY), "_process_select_expression", _EXPRESSION),),
    required=True,
    why="people with row rules write no SQL in columns, metrics and filters: it could read rows that the rules hide",
    until=_NO_SQL_CHECKS,
)
ORDER = Patch(
    name="sql_guard.order",
    targets=(Target((_DATASET, _QUERY), "_process_orderby_expression", _EXPRESSION),),
    required=True,
    why="people with row rules write no SQL in an order: it could read rows that the rules hide",
    until=_NO_SQL_CHECKS,
)
VALIDATION = Patch(
    name="sql_guard.validation",
    targets=(Target((_DATASET,), "validate_expression", _VALIDATED, ((6, 1),)),),
    required=True,
    why="no SQL of one's own is run to see whether it would run",
    until=_NO_SQL_CHECKS,
)
ANNOTATIONS = Patch(
    name="sql_guard.annotations",
    targets=(Target((_PROCESSOR,), "get_native_annotation_data", ("query_obj",)),),
    required=True,
    why="guests read no annotations but those of their dashboards",
    until="Superset itself looks whose annotations a guest asks for",
)
QUERY_TEXT_ERRORS = Patch(
    name="failures.query_text",
    targets=(Target((_DATASET,), "get_query_str_extended", ("self", "query_obj", "mutate")),),
    required=True,
    why="no text of a database's error, which may hold the value of a row, where a query is composed",
    until=_NO_DATABASE_TEXTS,
)
QUERY_ERRORS = Patch(
    name="failures.query",
    targets=(Target((_DATASET,), "query", ("self", "query_obj")),),
    required=True,
    why="no text of a database's error where a dataset runs its query",
    until=_NO_DATABASE_TEXTS,
)
CHART_ERRORS = Patch(
    name="failures.chart",
    targets=(
        Target((_PROCESSOR,), "get_query_result", ("self", "query_object"), ((6, 0),)),
        Target((_DATASET,), "get_query_result", ("self", "query_object"), ((6, 1),)),
    ),
    required=True,
    why="no text of a database's error where a chart asks for its data",
    until=_NO_DATABASE_TEXTS,
)
METADATA_ERRORS = Patch(
    name="failures.metadata",
    targets=(Target((_DATASET,), "external_metadata", ("self",)),),
    required=True,
    why="no text of a database's error where a dataset's columns are asked for",
    until=_NO_DATABASE_TEXTS,
)
VALIDATION_ERRORS = Patch(
    name="failures.validation",
    targets=(Target((_DATASET,), "validate_expression", _VALIDATED, ((6, 1),)),),
    required=True,
    why="no text of a database's error where an expression is tried",
    until=_NO_DATABASE_TEXTS,
)
VALUES_ERRORS = Patch(
    name="failures.values",
    targets=(Target((_DATASET,), "values_for_column", ("self", "column_name", "limit", "denormalize_column")),),
    required=True,
    why="no text of a database's error where a filter asks for the values of a column",
    until=_NO_DATABASE_TEXTS,
)
GUEST_RULES = Patch(
    name="guests.rules",
    targets=(Target((_SECURITY,), "get_guest_user_from_token", ("self", "token")),),
    required=True,
    why="a guest sees nothing of a dataset of the plugin that no rule of their token is for",
    until="Superset shows guests no dataset that no rule of their token names",
)
PEOPLE_VIEWS = Patch(
    name="people_log.views",
    targets=(Target((_PROCESSOR,), "get_df_payload", ("self", "query_obj", "force_cached")),),
    required=False,
    why="each query that shows rows of single people is in the log of events, with its columns and filters",
    without="the log of events has Superset's own entries alone, which lack the rows that people drill to",
    until="Superset logs samples and drill to detail, too, with dataset and filters",
)
EVENTS_CHANNEL = Patch(
    name="channels.events",
    targets=(
        Target(
            ("superset.async_events.async_query_manager:AsyncQueryManager",),
            "parse_channel_id_from_request",
            ("self", "req"),
        ),
    ),
    required=False,
    why="with GLOBAL_ASYNC_QUERIES, guests of the report learn without a cookie that their query is done",
    without="with GLOBAL_ASYNC_QUERIES, charts of guests that are not in the cache are not answered",
    until="Superset reads the channel that it gives to a guest",
)

QUERIED = Patch(
    name="speed.queried",
    targets=(Target((_DATASET,), "query", ("self", "query_obj")),),
    required=False,
    why="the speed patches act while a dataset of the plugin runs its query, and not on other datasets",
    without="charts take longer",
    until="no speed patch is left",
)
CACHE_KEYS = Patch(
    name="speed.cache_keys",
    targets=(Target((_DATASET,), "get_extra_cache_keys", ("self", "query_obj")),),
    required=False,
    why="the speed patches act while the key of a query of the plugin's dataset is made, and not on other datasets",
    without="charts take longer",
    until="no speed patch is left",
)
DEFAULT_SCHEMA = Patch(
    name="speed.default_schema",
    targets=(Target(("superset.models.core:Database",), "get_default_schema", ("self", "catalog")),),
    required=False,
    why="a database's default schema is asked for once a minute, and not for each query",
    without="charts take longer, by a connection to the warehouse or two each",
    until="Superset asks a warehouse for its default schema only where it needs it",
)
RULES_BY_ID = Patch(
    name="speed.guest_rules",
    targets=(Target((_SECURITY,), "get_guest_rls_filters", ("self", "dataset")),),
    required=False,
    why="the row rules of a guest are found by the dataset's id, without a description of all its columns",
    without="charts of guests take longer",
    until="Superset compares the id alone, as 6.0 does",
)
PARSED_SQL = Patch(
    name="speed.parsed_sql",
    targets=(Target(("superset.sql.parse:SQLStatement",), "_parse", ("cls", "script", "engine")),),
    required=False,
    why="the SQL of a dataset is parsed once, and not several times for each query",
    without="charts take longer",
    until="Superset parses a dataset's SQL once for a query",
)
START = Patch(
    name="start.endpoints",
    targets=(Target(("superset.initialization:SupersetAppInitializer",), "post_init", ("self",)),),
    required=False,
    why="the names of endpoints are compared with Superset's own at the end of its start",
    without="the names of endpoints are compared with the first request, and nothing is answered before",
    until="Superset calls its mutator after it has made its views",
)

PATCHES: tuple[Patch, ...] = (
    *(FILTERS, SELECT, ORDER, VALIDATION, ANNOTATIONS),
    *(QUERY_TEXT_ERRORS, QUERY_ERRORS, CHART_ERRORS, METADATA_ERRORS, VALIDATION_ERRORS, VALUES_ERRORS),
    *(GUEST_RULES, PEOPLE_VIEWS, EVENTS_CHANNEL, START),
    *(QUERIED, CACHE_KEYS, DEFAULT_SCHEMA, RULES_BY_ID, PARSED_SQL),
)

# Those that save time and nothing else.
SPEED: tuple[Patch, ...] = (DEFAULT_SCHEMA, RULES_BY_ID, PARSED_SQL)


@dataclass(frozen=True)
class PrivateName:
    """A private name of Superset that `private.py` reads: the path of its class, the name, and what for."""

    owner: str
    name: str
    why: str


PRIVATE_NAMES: tuple[PrivateName, ...] = (
    PrivateName(_PROCESSOR, "_qc_datasource", "which dataset a chart asks, in 6.0"),
    PrivateName(
        "superset.db_engine_specs.base:BaseEngineSpec",
        "_time_grain_expressions",
        "whether a deployment has time grains of its own for `hive://`, without which weeks are wrong on Spark",
    ),
    PrivateName(
        "superset.commands.report.execute:BaseReportState",
        "_get_url",
        "the address in a report's mail, to store it before the report is sent",
    ),
)
