"""What `memoria doctor` looks at: everything that must be there before photos become people.

Here: looking, and saying what is wrong and how to mend it. Not here: mending; nothing is changed.
"""
