"""How the parts of a day are worked on: by the cores of this machine, or a Dask cluster."""
