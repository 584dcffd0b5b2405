"""The languages of pages: sentences by their English text, read from `CODE.po` beside this module; a new file is a new language."""
