"""Models as functions of their hyper-parameters: a plan in, a graph of operators out."""
