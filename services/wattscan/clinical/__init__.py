"""What clinical tasks share: gray values, masks, metrics, data sets in folders."""
