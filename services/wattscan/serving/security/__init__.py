"""Who may call: TLS, tokens, rates."""
