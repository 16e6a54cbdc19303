"""What a caller may see of an event, as pages and applications show it: a query or two each, as
flat at 5,000 people as at five. Row level security decides what is in it: nothing asks for a role.

Not here: writes (store/decisions, store/manual_tags, …) and how anything looks (review/).
"""
