"""What a verdict is made of: one function for each reason, by subject.

Each gets all the evidence on one cell and gives a sentence, or None where the reason does not hold.
Its docstring is the reason's line in docs/measurement.md; `verdict.py` has the table of them.
"""
