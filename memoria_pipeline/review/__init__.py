"""The organiser's review over HTTP: an API for applications, pages for people.

Here: who asks (tokens, sessions), what they sent, what they get. Not here: SQL (store/), what a
decision does (store/decisions.py), and who may do what: row level security says that.
"""
