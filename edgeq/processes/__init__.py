"""Child processes: kept for reuse, watched for memory, and ended with their parent."""
