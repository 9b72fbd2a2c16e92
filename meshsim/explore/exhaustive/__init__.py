"""Everything that can happen within a bound: at most k faults of a menu in a window of time, in every order.

Theory of operation. A *case* says in what a run departs from the default one: faults that are placed at a time, and
ties of the window that are broken otherwise. Departures are in order of time. The search begins with the case that has
none; each case that was run says in what else a run could depart *after* its last departure, and each of that is a case
of its own (`branching`). So every combination comes up once, and every run in between is judged by the oracle.

    which ties            Deliveries at one instant to different nodes commute: what a node takes changes nothing for
                          another one before the next instant. So only what is due for the same node is put in every
                          order, and what could come back to it (a persistent set, `ties`). At an instant at which a
                          process starts, stops or ends by what is due there, everything is.
    which times           Between two instants at which anything happens a fault finds the same world. So of each gap
                          one placement is enough, at its end, right before what is due there: what follows from the
                          fault is then a tie with what would follow anyway, and ties have all their orders. A gap that
                          is longer than the shortest latency has another one at its beginning: what follows is over
                          before anything else is due. No fault strikes between two things due at the same instant.
    which ranks           Ranks that nothing has told apart may change places; of such placements only the first is
                          made (`alike`).
    which states          A case whose last departure leads to a state that another case was in is judged, and not gone
                          into again (`meshsim.explore.state`).

Outside the window ties are broken first in, first out, also those of what a fault in the window leads to.

What is counted are *classes*: different histories, times and changed places aside. `0 left` says that no case is left.

Ranks are alike up to the order in which equal times before the window are taken, and up to the texts that name them.
"""
