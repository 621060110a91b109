"""What a canvas asks, answered: for a notebook's widget and for the server's sockets alike.

``desk`` finds the answer to a message and the thread to give it in; ``answers`` gives it; ``presence`` knows who else
is there.
"""
