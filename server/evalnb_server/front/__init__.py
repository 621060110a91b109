"""The one address: a reverse proxy before the portal, the API, JupyterLab and Voila.

``connection`` is one socket, read and written with back pressure, or joined to another one; ``backends`` says what
stands behind and keeps idle connections to it; ``callers`` finds out who asks; ``gate`` decides what may go where
and with which headers; ``visit`` is one client's connection from its first request to its last; ``pages`` are the
few pages of its own; ``server`` listens.

Framing is h11's, on both sides, so that no two programs can read one request differently. After the handshake of a
WebSocket the two sockets are joined byte for byte: frames of any size, subprotocols and compression pass as they are.
"""
