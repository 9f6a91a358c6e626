"""The main job: `scan(logs, options, say)`, from request logs to findings and a report."""

from stillwatch.scan.options import ScanOptions
from stillwatch.scan.run import scan

__all__ = ["ScanOptions", "scan"]
