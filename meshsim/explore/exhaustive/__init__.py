"""Everything that can happen within a bound: at most k faults of a menu in a window of time, in every order.

Theory of operation. A *case* says in what a run departs from the default one: faults that are placed at a time, and
ties of the window that are broken otherwise. Departures are in order of time. The search begins with the case that has
none; each case that was run says in what else a run could depart *after* its last departure, and each of that is a case
of its own (`branching`). So every combination comes up once, and every run in between is judged by the oracle.

    which ties            Deliveries at one instant to different nodes commute: what a node takes changes nothing for
                          another one before the next instant. So only what is due for the same node is put in every
                          order, and what could come back to it (a persistent set, `ties`). At an instant at which a
                          process starts, stops or ends by what is due there, everything is. Messages that leave a
                          node the same in whatever order it takes them are not, if equal states are `settled`: copies
                          of the node try that out (`commuting`).
    which times           Between two instants at which anything happens a fault finds the same world. So of each gap
                          one placement is enough, at its end, right before what is due there: what follows from the
                          fault is then a tie with what would follow anyway, and ties have all their orders. A gap that
                          is longer than the shortest latency has another one at its beginning: what follows is over
                          before anything else is due. No fault strikes between two things due at the same instant.
                          Nor does anybody record that a process acknowledges what it took: a fault on it finds another
                          world from then on, and is placed there as well (`striking`).
    which targets         Who is known to be dead is not struck again.
    which ranks           Ranks that nothing has told apart may change places; of such placements only the first is
                          made (`alike`).
    which states          A run that is in a state in which another one was is broken off: the rest of it is known, and
                          so is what else it could do (`watching`). There are two ways to see that (`timeless`): times
                          that are past aside, or, if equal states are `settled`, orders within an instant aside. In the
                          second way what led to it is its own, and is judged. A case that is another one with places
                          changed is run to its end, but not gone into (`meshsim.explore.state`).

The run up to the window is the same for all: it is made once, and each case goes on from a copy (`trunk`).

Outside the window ties are broken first in, first out, also those of what a fault in the window leads to.

What is counted are *classes*: different histories, times and changed places aside; and, if equal states are settled,
orders aside by which nobody was the wiser. `0 left` says that no case is left.

A class was judged in one at least of the timings that lead to it.

Ranks are alike up to the order in which equal times outside the window are taken, and up to the texts that name them.

Cases are run in portions, and within one in pieces of work. A run knows the states of earlier portions, and of its own
piece: so what is found and counted depends neither on the number of processes nor on how fast they are.
"""
