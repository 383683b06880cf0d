"""The levers a policy can put money on."""

CAPABILITIES = ("delivery", "selection", "service", "data", "advertising")
DELIVERY, SELECTION, SERVICE, DATA, ADVERTISING = range(len(CAPABILITIES))  # their places in an array
LEVERS = ("price", *CAPABILITIES)
PLANNED = ("innovation",)  # named by the design, without a mechanism yet: refused, never ignored
