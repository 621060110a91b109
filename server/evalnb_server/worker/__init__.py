"""The worker: one supervisor process that claims jobs, and a fresh process in its own session for each job.

The supervisor never imports torch. Ending a job's process is what frees its GPU memory.
"""
