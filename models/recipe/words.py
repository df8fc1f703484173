"""Names and number words that more than one family draws from."""
BOYS = """Max Tom Ben Sam Leo Jack Tim Finn Oscar Rusty Milo Felix Hugo Otto Bruno Toby Charlie Henry Oliver
George Peter Paul Jacob Noah Lucas Adam Simon Victor Walter Barney Gus Ned Rolf Pip Alfie Archie Teddy Ollie
Basil Jasper Monty Percy Rufus Boris Casper Dexter Edgar Fred Harry Ivan""".split()
GIRLS = """Mia Lily Anna Sara Ella Lucy Rosie Daisy Molly Emma Clara Nora Ruby Poppy Hazel Ivy Olive Luna
Bella Coco Tilly Penny Greta Heidi Ida Jenny Kate Lola Maya Nina Pearl Sophie Tess Vera Wendy Zoe Amy Betty
Cora Dora Eva Fern Gigi Holly Jane Lila Mabel Nell Polly Willow""".split()
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty""".split()
COLORS = "red blue green yellow white black brown orange purple pink golden silver".split()
