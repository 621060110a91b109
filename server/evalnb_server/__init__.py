"""The server half: FastAPI, and the Celery worker."""
