"""Every order of events of three clients of one lock, explored state by state with the production transition function.

    python -m tests.explore

`chain`: records and alarms, as numbers. `world`: what all clients share; `events`: what becomes of it. `client`: what
each of them does, step by step; `swap`: how it writes; `compacting`: how a chain begins anew. `invariants`: what must
hold. `search`: the exploration. `mutants`: protocols that are wrong, each of which must be caught.
"""
