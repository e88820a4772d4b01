"""The numbers behind each figure: documents in, tables out, nothing drawn."""
