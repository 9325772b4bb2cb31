"""How the disease comes, grows, weakens and presses: people with cancer, followed in time."""
