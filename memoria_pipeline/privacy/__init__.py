"""What the law asks of us, as pure calls: places of personal data, plans, receipts, texts, dates.

Nothing here reads a file, a database or the environment: whoever calls brings what is needed, and
carries out what is said. No SQL and no Dagster either.
"""
