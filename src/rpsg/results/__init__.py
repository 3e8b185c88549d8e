"""What a run, a check of the machine and a verification return, and a corpus in other packages' forms."""

from rpsg.results.run import Bill, Diagnosis, Run, Verification

__all__ = ["Bill", "Diagnosis", "Run", "Verification"]
