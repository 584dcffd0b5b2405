"""One file per remote system: `NAME.py` is the connector of kind `NAME`, made by its function `connect`."""
