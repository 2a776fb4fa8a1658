"""What stands between a request and its answer: who is let in, endpoints, documents, the page."""
