"""Pages to read and print: templates from `reports/`, filled into one self-contained HTML file each."""
