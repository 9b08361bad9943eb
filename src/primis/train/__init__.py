"""Training of model bundles: needs the extra ``primis[train]``; the core never imports this."""
