"""What evaluation and attacks share: data sets, what each party sees, statistics, results."""
