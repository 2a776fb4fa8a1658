"""Small pictures of the watching, as SVG texts: the same figures give the same bytes."""
