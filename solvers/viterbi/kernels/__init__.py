"""What is compiled: sweeps over the graph, prices, labels from one layer to the next."""
