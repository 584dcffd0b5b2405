"""Charts as inline SVG and Vega, each with its text alternative."""
