"""Every order of events of three clients of one lock, explored state by state with the production transition function.

    python -m tests.explore

`chain` records and alarms, interned; `world` what all clients share; `client` what each of them does, step by step;
`invariants` what must hold; `search` the exploration; `mutants` protocols that are wrong, each of which must be caught.
"""
