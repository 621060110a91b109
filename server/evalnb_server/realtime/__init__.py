"""Live editing over WebSockets.

The only asynchronous code of the house: it reads and writes sockets, and leaves every look at the database and the
broker to threads.

``router`` is the door, ``line`` one socket, ``seat`` what its owner asks and is told, ``hub`` who watches what.
"""
