"""Property tests here try the same examples on every machine, however slow it is."""

from hypothesis import settings

# A deadline would fail a test for the machine's load; a fixed choice of examples fails it for a defect alone.
settings.register_profile("steady", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("steady")
