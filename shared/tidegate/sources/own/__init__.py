"""Data sources of one's own: modules of the sources folder and of installed packages, and what they give, checked.

`catalogue.py` knows their names without importing them; `module.py` imports one and checks what it says of itself;
`result.py` and `values.py` turn what it gives into records; `source.py` asks it page by page.
"""
