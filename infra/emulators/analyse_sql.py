"""Analyses our statements in BigQuery's dialect against our tables: names, types, parameters.

The tables come from our CREATE statements, the parameters from the Rust code. Nothing is run. The analyser does not know what
only the service decides: quotas, allowed option values, and which parts of the dialect it offers.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import wasmtime

REPOSITORY = Path(__file__).resolve().parents[2]
BIGQUERY = REPOSITORY / "infra/bigquery"
# Statements of jobctl are the same for both warehouses.
JOBCTL = REPOSITORY / "scripts/jobctl/sql"
CODE = REPOSITORY / "common/storage/src/bigquery"

# Values for the placeholders of a statement.
PLACEHOLDERS = {
    "cleaned_jobs": "cleaned_jobs",
    "forgotten_ads": "forgotten_ads",
    "job_embeddings": "job_embeddings",
    "job_embeddings_masked": "job_embeddings",
    "ml_features": "ml_features",
    "ml_predictions": "ml_predictions",
    "ml_runs": "ml_runs",
    "vw_runs": "vw_runs",
    "vw_latest_jobs": "vw_latest_jobs",
    "vw_ml_features": "vw_ml_features",
    "vw_predictions_latest": "vw_predictions_latest",
    "selected": "TRUE",
    "staged_predictions": "staged_predictions",
    "staged_embeddings": "staged_embeddings",
    "dimension": "384",
    "description_chars": "4000",
    "feature_chars": "4000",
    "title_chars": "4000",
    "url_chars": "4000",
    "value_column": "job_location",
    "column": "one_more",
    "type": "STRING",
    "table": "job_embeddings",
}
# Files that are a part of other statements: the statement that they are analysed in, and the placeholder in whose place.
PARTS = {
    "all_rows.sql": ("scan_features.sql", "selected"),
    "among_keys.sql": ("scan_features.sql", "selected"),
    "latest_jobs.sql": ("scan_jobs.sql", "latest_of_share"),
    "no_embeddings.sql": ("scan_jobs.sql", "job_embeddings"),
    "no_forgotten_ads.sql": ("scan_jobs.sql", "forgotten_ads"),
    "unpredicted.sql": ("scan_features.sql", "selected"),
}
# The functions of statement.rs that add a parameter, and the type that each declares.
DECLARED_BY = {
    "text": "STRING",
    "integer": "INT64",
    "moment": "TIMESTAMP",
    "number": "FLOAT64",
    "numbers": "ARRAY<FLOAT64>",
    "texts": "ARRAY<STRING>",
}

# The views of INFORMATION_SCHEMA that we read.
INFORMATION_SCHEMA = """
CREATE TABLE VECTOR_INDEXES (
    index_catalog STRING, index_schema STRING, table_name STRING, index_name STRING, index_status STRING,
    creation_time TIMESTAMP, last_modification_time TIMESTAMP, last_refresh_time TIMESTAMP, disable_time TIMESTAMP,
    disable_reason STRING, ddl STRING, coverage_percentage INT64, unindexed_row_count INT64,
    total_logical_bytes INT64, total_storage_bytes INT64
)
"""


def keep_compiled(folder):
    """Caches the compiled analyser: compiling its WASM takes most of a minute."""
    compiled = Path(folder) / "analyser.cwasm"
    compile_file = wasmtime.Module.from_file

    def from_file(engine, path):
        try:
            return wasmtime.Module.deserialize_file(engine, str(compiled))
        except wasmtime.WasmtimeError:
            # No cached code, or code for another processor.
            print("compiling the analyser, once", file=sys.stderr)
        module = compile_file(engine, path)
        fresh = compiled.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(module.serialize())
        fresh.rename(compiled)
        return module

    wasmtime.Module.from_file = staticmethod(from_file)


def parameters_of_code():
    """Returns names and types of the parameters that the code sends."""
    found = {}
    for path in sorted(CODE.glob("*.rs")):
        for function, name in re.findall(rf'\.({"|".join(DECLARED_BY)})\(\s*"(\w+)"', path.read_text()):
            found[name] = DECLARED_BY[function]
    return found


def fill(text, values):
    """The text with its placeholders filled; one without a value fails."""
    return re.sub(r"{([a-z_]+)}", lambda found: values[found[1]], text)


def statement(path):
    """Returns the text of a file as the code sends it."""
    latest = (BIGQUERY / "latest_jobs.sql").read_text().strip()
    values = dict(PLACEHOLDERS)
    text = path.read_text()
    if path.name in PARTS:
        whole, placeholder = PARTS[path.name]
        text = (path.parent / whole).read_text()
        if path.name != "latest_jobs.sql":
            values[placeholder] = fill(path.read_text().strip(), values)
    values["latest_jobs"] = fill(latest, values)
    values["latest_of_share"] = fill(latest, values | {"cleaned_jobs": "share"})
    return fill(text, values)


class Analyser:
    def __init__(self, parameters):
        # After keep_compiled: the module is compiled at first use.
        from zetasql import api, types
        from zetasql.types.proto_model.generated import (
            ErrorMessageMode,
            LanguageFeature,
            ProductMode,
            ResolvedNodeKind,
        )

        self.api, self.types = api, types
        self.language = types.LanguageOptions.maximum_features()
        # The external dialect: FLOAT64, not DOUBLE.
        self.language.product_mode = ProductMode.PRODUCT_EXTERNAL
        # The service supports it; the analyser marks it as in development.
        self.language.enabled_language_features.append(LanguageFeature.FEATURE_VECTOR_SEARCH_TVF)
        # The default is SELECT alone.
        self.language.supported_statement_kinds = [kind for kind in ResolvedNodeKind if kind.name.endswith("_STMT")]
        self.options = types.AnalyzerOptions(
            language_options=self.language,
            error_message_mode=ErrorMessageMode.ERROR_MESSAGE_ONE_LINE,  # Says where: [at 3:14].
            query_parameters=[
                types.AnalyzerOptions.QueryParameter(name=name, type=self.type_of(declared))
                for name, declared in parameters.items()
            ],
        )
        self.tables = {}
        self.catalog = self.catalog_of("nothing", {})
        self.information_schema = self.catalog_of(
            "INFORMATION_SCHEMA", self.columns(self.analyse(INFORMATION_SCHEMA))
        )

    def type_of(self, declared):
        """`INT64`, or `ARRAY<INT64>`."""
        kinds, factory = self.types.TypeKind, self.api.TypeFactory
        array = re.fullmatch(r"ARRAY<(\w+)>", declared)
        element = array[1] if array else declared
        # The analyser calls FLOAT64 by its internal name.
        kind = getattr(kinds, "TYPE_" + {"FLOAT64": "DOUBLE"}.get(element, element))
        type_ = factory.create_simple_type(kind)
        return factory.create_array_type(type_) if array else type_

    @staticmethod
    def columns(created):
        """Returns the columns of every table or view that a text creates."""
        return {
            ".".join(table.name_path): table.column_definition_list
            or [SimpleNamespace(name=output.name, type=output.column.type) for output in table.output_column_list]
            for table in created
        }

    def catalog_of(self, name, tables):
        builder = self.api.CatalogBuilder(name)
        for name, columns in tables.items():
            table = self.api.TableBuilder(name)
            for column in columns:
                table.add_column(column.name, column.type)
            builder.add_table(table.build())
        functions = self.types.ZetaSQLBuiltinFunctionOptions(language_options=self.language)
        return builder.with_builtin_functions(functions).build()

    def add_tables(self, paths):
        for path in paths:
            self.tables |= self.columns(self.analyse(statement(path)))
            # A view may read one that was created before.
            self.catalog = self.catalog_of("bigquery", self.tables)
            self.catalog.catalog = [self.information_schema]

    def analyse(self, text):
        """Resolves every statement of the text."""
        place = self.types.ParseResumeLocation(input=text, byte_position=0)
        resolved = []
        while text.encode()[place.byte_position :].strip():
            resolved.append(self.api.Analyzer.analyze_next_statement_static(place, self.options, self.catalog))
        return resolved


def sentence(error):
    """Returns the message in one line, without the common prefix."""
    return " ".join(re.sub(r"^\[INVALID_ARGUMENT\] ", "", str(error)).split())


def main():
    arguments = argparse.ArgumentParser(description="Analyses our statements for BigQuery.")
    arguments.add_argument("--cache", required=True, help="a folder for the compiled analyser")
    arguments.add_argument("files", nargs="*", type=Path, help="default: all of infra/bigquery and scripts/jobctl/sql")
    arguments = arguments.parse_args()

    keep_compiled(arguments.cache)
    from zetasql.core.exceptions import ZetaSQLError

    analyser = Analyser(parameters_of_code())
    statements = {path: path.read_text() for path in sorted(BIGQUERY.glob("*.sql"))}
    try:
        # Views need their tables.
        for creating in ("CREATE TABLE", "CREATE VIEW"):
            analyser.add_tables([path for path, text in statements.items() if creating in text])
    except ZetaSQLError as error:
        sys.exit(f"the tables cannot be made: {sentence(error)}")
    failed = 0
    for path in arguments.files or [*sorted(BIGQUERY.glob("*.sql")), *sorted(JOBCTL.glob("*.sql"))]:
        try:
            path = path.resolve()
            name = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path
            analyser.analyse(statement(path))
            print(f"ok {name}")
        except ZetaSQLError as error:
            failed += 1
            print(f"{name}: {sentence(error)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
