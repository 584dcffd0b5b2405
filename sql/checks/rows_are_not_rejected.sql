-- Every delivered row can be read; those that cannot are kept in raw.rejected_rows with file, row and reason.
-- Level: warn
-- Remedy: Look into raw.rejected_rows, and say how the values are written (docs/sources.md).

select
    source as table_name,  -- Which source.
    file,  -- Which file.
    min(row_number) as example_row,  -- One of the rows.
    min(reason) as example_reason,  -- What is wrong with it.
    count(*) as defect_count  -- Rows rejected, or kept without an unreadable value.
from raw.rejected_rows
group by source, file
