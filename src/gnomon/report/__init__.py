"""Pages made of the numbers of a JSON document: nothing here computes a prediction or an error."""
