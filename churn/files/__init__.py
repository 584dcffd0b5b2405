"""Writes results to files: text, tables and workbooks, each whole or not at all."""

from churn.files.frames import frame_sheet, write_frame
from churn.files.text_tables import FORMULA_STARTS, csv_text, frame_csv, unguarded
from churn.files.whole import TABLES, WORKBOOK, check_ending, require_workbooks, write_text, write_whole
from churn.files.workbook import Sheet, workbook_bytes, write_workbook

__all__ = [
    "FORMULA_STARTS",
    "TABLES",
    "WORKBOOK",
    "Sheet",
    "check_ending",
    "csv_text",
    "frame_csv",
    "frame_sheet",
    "require_workbooks",
    "unguarded",
    "workbook_bytes",
    "write_frame",
    "write_text",
    "write_whole",
    "write_workbook",
]
