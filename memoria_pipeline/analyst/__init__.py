"""For notebooks: the views of schema `analytics`, and charts of them worth showing an organiser.

Here: reading as the role memoria_analyst, which sees no face, name or address, and drawing. Not
here: SQL (sql/migrations), and anything that writes.
"""
