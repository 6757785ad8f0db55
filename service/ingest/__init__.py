"""The webhook door: what shop systems post becomes events of ours on `purchases`, for shops without a producer."""
