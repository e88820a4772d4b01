"""Facts drawn: a table in, a picture for plotly and its words out."""
