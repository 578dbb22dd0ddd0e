"""``GET /image/...``: one picture of a source, made when it is asked for first, and kept as long as there is room.

addresses, signing           what a URL asks for, and who wrote it: pure
conditions                   what caches are told, and what they know: pure
prefixes, fetching           which hosts may be asked, and how
sources                      from a source's name to its bytes, wherever it lies
shelf                        results and fetched sources on the disk
flights, looking, rendering  the work, once for all who wait for it, by the workers of all jobs
route, assembly              HTTP, and all of it put together
"""
