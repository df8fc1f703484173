"""The world's single facts: why things are so, and what each has a question of its own.

A row is: question | the same inside a sentence ("Tell me ...") | answer sentence | short answer (several: "/"), where there is one.
"""

WHY = """
is the sky blue|the sky is blue|The sky is blue because the air scatters blue light the most.
is grass green|grass is green|Grass is green because it is full of a green stuff that catches sunlight.
is the sea salty|the sea is salty|The sea is salty because rivers carry salt into it.
is snow cold|snow is cold|Snow is cold because it is frozen water.
is the sun hot|the sun is hot|The sun is hot because it is a huge ball of burning gas.
is it dark at night|it is dark at night|It is dark at night because the sun shines on the other side of the Earth.
does the moon shine|the moon shines|The moon shines because the light of the sun falls on it.
does it rain|it rains|It rains because the drops in a cloud become too heavy.
does it snow in winter|it snows in winter|It snows in winter because the air is so cold that the drops freeze.
do we have seasons|we have seasons|We have seasons because the Earth is tilted as it goes around the sun.
does ice float|ice floats|Ice floats because it is lighter than water.
do boats float|boats float|Boats float because they are lighter than the water that they push away.
do things fall down|things fall down|Things fall down because the Earth pulls them.
do birds fly south|birds fly south|Birds fly south because it is warm there in winter.
do birds sing|birds sing|Birds sing because they call their friends.
do birds build nests|birds build nests|Birds build nests because their eggs need a safe place.
do bees visit flowers|bees visit flowers|Bees visit flowers because they drink the nectar.
do bees sting|bees sting|Bees sting because they guard their hive.
do cats purr|cats purr|Cats purr because they feel good.
do dogs bark|dogs bark|Dogs bark because they want to tell us something.
do dogs wag their tails|dogs wag their tails|Dogs wag their tails because they are happy.
do bears sleep in winter|bears sleep in winter|Bears sleep in winter because there is little food.
do squirrels hide nuts|squirrels hide nuts|Squirrels hide nuts because they need food in winter.
do giraffes have long necks|giraffes have long necks|Giraffes have long necks because they eat the leaves of tall trees.
do zebras have stripes|zebras have stripes|Zebras have stripes because stripes confuse lions and flies.
do spiders make webs|spiders make webs|Spiders make webs because they catch flies in them.
do fish have gills|fish have gills|Fish have gills because they breathe in water.
do camels have humps|camels have humps|Camels have humps because they store fat in them.
do leaves fall in autumn|leaves fall in autumn|Leaves fall in autumn because the tree saves water for the winter.
do trees need sun|trees need sun|Trees need sun because they make their food from light.
do plants need water|plants need water|Plants need water because they drink it with their roots.
do we sleep|we sleep|We sleep because our body and our brain must rest.
do we eat|we eat|We eat because food gives us strength.
do we drink water|we drink water|We drink water because our body needs it.
do we breathe|we breathe|We breathe because our body needs air.
do we brush our teeth|we brush our teeth|We brush our teeth because sugar makes holes in them.
do we wash our hands|we wash our hands|We wash our hands because dirt can make us sick.
do we wear coats|we wear coats|We wear coats because they keep us warm.
do we cry|we cry|We cry because we are sad or hurt.
do we laugh|we laugh|We laugh because something is funny.
do we go to school|we go to school|We go to school because we want to learn.
do we need the sun|we need the sun|We need the sun because it gives us light and warmth.
does thunder come after lightning|thunder comes after lightning|Thunder comes after lightning because sound is slower than light.
does a kite fly|a kite flies|A kite flies because the wind lifts it.
does a fire need air|a fire needs air|A fire needs air because nothing burns without it.
do onions make us cry|onions make us cry|Onions make us cry because their juice stings our eyes.
"""

SINGLE = """
What do bees make?|what bees make|Bees make honey.|honey
What do cows give us?|what cows give us|Cows give us milk.|milk
What do hens lay?|what hens lay|Hens lay eggs.|eggs/an egg
What do sheep give us?|what sheep give us|Sheep give us wool.|wool
What do spiders spin?|what spiders spin|Spiders spin webs.|webs/a web
What do birds build?|what birds build|Birds build nests.|nests/a nest
What do beavers build?|what beavers build|Beavers build dams.|dams/a dam
What does a caterpillar become?|what a caterpillar becomes|A caterpillar becomes a butterfly.|a butterfly/butterfly
What does a tadpole become?|what a tadpole becomes|A tadpole becomes a frog.|a frog/frog
What grows from an acorn?|what grows from an acorn|An oak grows from an acorn.|an oak/oak
What grows on an apple tree?|what grows on an apple tree|Apples grow on an apple tree.|apples
What is frozen water?|what frozen water is|Frozen water is ice.|ice
What happens when ice gets warm?|what happens when ice gets warm|Ice melts when it gets warm.|it melts
What happens when water gets very cold?|what happens when water gets very cold|Water freezes when it gets very cold.|it freezes
What falls from clouds?|what falls from clouds|Rain falls from clouds.|rain
Where does the sun rise?|where the sun rises|The sun rises in the east.|in the east/east
Where does the sun set?|where the sun sets|The sun sets in the west.|in the west/west
When does the sun rise?|when the sun rises|The sun rises in the morning.|in the morning
When does the sun set?|when the sun sets|The sun sets in the evening.|in the evening
When does the moon shine?|when the moon shines|The moon shines at night.|at night
When do we see stars?|when we see stars|We see stars at night.|at night
When do leaves fall?|when leaves fall|Leaves fall in autumn.|in autumn
When do flowers bloom?|when flowers bloom|Flowers bloom in spring.|in spring
When does it snow?|when it snows|It snows in winter.|in winter
When is it hot?|when it is hot|It is hot in summer.|in summer
When is it cold?|when it is cold|It is cold in winter.|in winter
When is Christmas?|when Christmas is|Christmas is in December.|in December
When is Halloween?|when Halloween is|Halloween is in October.|in October
When is New Year's Day?|when New Year's Day is|New Year's Day is the first of January.|the first of January
When do we eat breakfast?|when we eat breakfast|We eat breakfast in the morning.|in the morning
When do we eat dinner?|when we eat dinner|We eat dinner in the evening.|in the evening
When do we sleep?|when we sleep|We sleep at night.|at night
When is noon?|when noon is|Noon is at twelve o'clock.|at twelve o'clock/twelve o'clock
When is midnight?|when midnight is|Midnight is at twelve o'clock at night.|at twelve o'clock
Which month has the fewest days?|which month has the fewest days|February has the fewest days.|February
Which season is the coldest?|which season is the coldest|Winter is the coldest season.|winter
Which season is the hottest?|which season is the hottest|Summer is the hottest season.|summer
Which is the last month of the year?|which month is the last of the year|December is the last month of the year.|December
Which is the first season of the year?|which season is the first of the year|Spring is the first season of the year.|spring
What are the days of the weekend?|what the days of the weekend are|Saturday and Sunday are the weekend.|Saturday and Sunday
What are the four seasons?|what the four seasons are|The four seasons are spring, summer, autumn and winter.|spring, summer, autumn and winter
What are the days of the week?|what the days of the week are|The days of the week are Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.|Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday
What are the colors of the rainbow?|what the colors of the rainbow are|The colors of the rainbow are red, orange, yellow, green, blue, indigo and violet.|red, orange, yellow, green, blue, indigo and violet
What are the five senses?|what the five senses are|The five senses are seeing, hearing, smelling, tasting and touching.|seeing, hearing, smelling, tasting and touching
What are the colors of a traffic light?|what the colors of a traffic light are|The colors of a traffic light are red, yellow and green.|red, yellow and green
What are the vowels?|what the vowels are|The vowels are a, e, i, o and u.|a, e, i, o and u
Which is the largest animal?|which animal is the largest|The blue whale is the largest animal.|the blue whale/blue whale
Which is the largest land animal?|which land animal is the largest|The elephant is the largest land animal.|the elephant/elephant/an elephant
Which is the tallest animal?|which animal is the tallest|The giraffe is the tallest animal.|the giraffe/giraffe/a giraffe
Which is the fastest animal on land?|which animal is the fastest on land|The cheetah is the fastest animal on land.|the cheetah/cheetah/a cheetah
Which is the largest bird?|which bird is the largest|The ostrich is the largest bird.|the ostrich/ostrich/an ostrich
Which is the king of the animals?|which animal is the king of the animals|The lion is the king of the animals.|the lion/lion/a lion
Which is the highest mountain?|which mountain is the highest|Mount Everest is the highest mountain.|Mount Everest
Which is the longest river?|which river is the longest|The Nile is the longest river.|the Nile/Nile
Which is the largest ocean?|which ocean is the largest|The Pacific is the largest ocean.|the Pacific/Pacific
Which is the largest continent?|which continent is the largest|Asia is the largest continent.|Asia
Which is the smallest continent?|which continent is the smallest|Australia is the smallest continent.|Australia
Which is the largest country?|which country is the largest|Russia is the largest country.|Russia
Which is the largest planet?|which planet is the largest|Jupiter is the largest planet.|Jupiter
Which is the smallest planet?|which planet is the smallest|Mercury is the smallest planet.|Mercury
Which planet do we live on?|which planet we live on|We live on Earth.|Earth/on Earth
Which planet has rings?|which planet has rings|Saturn has rings.|Saturn
Which planet is red?|which planet is red|Mars is red.|Mars
What goes around the Earth?|what goes around the Earth|The moon goes around the Earth.|the moon
What does the Earth go around?|what the Earth goes around|The Earth goes around the sun.|the sun
What is the sun?|what the sun is|The sun is a star.|a star
What is the moon?|what the moon is|The moon is a ball of rock.|a ball of rock
What shape is the Earth?|what shape the Earth has|The Earth is round.|round
What shape is a ball?|what shape a ball has|A ball is round.|round
What do we breathe?|what we breathe|We breathe air.|air
What pumps the blood?|what pumps the blood|The heart pumps the blood.|the heart/heart
What do plants need?|what plants need|Plants need water and sun.|water and sun
What does a magnet pull?|what a magnet pulls|A magnet pulls iron.|iron
What tells us the time?|what tells us the time|A clock tells us the time.|a clock/clock
What color do you get from blue and yellow?|what color blue and yellow give|Blue and yellow give green.|green
What color do you get from red and yellow?|what color red and yellow give|Red and yellow give orange.|orange
What color do you get from red and blue?|what color red and blue give|Red and blue give purple.|purple
What color do you get from red and white?|what color red and white give|Red and white give pink.|pink
What color do you get from black and white?|what color black and white give|Black and white give gray.|gray/grey
What does a red traffic light mean?|what a red traffic light means|A red traffic light means stop.|stop
What does a green traffic light mean?|what a green traffic light means|A green traffic light means go.|go
Where do people sleep?|where people sleep|People sleep in a bed.|in a bed/in bed
Where do people buy bread?|where people buy bread|People buy bread at a bakery.|at a bakery/at the bakery
Where do people borrow books?|where people borrow books|People borrow books at a library.|at a library/in a library
Where do people learn to read?|where people learn to read|People learn to read at school.|at school/in school
Where do people see wild animals?|where people see wild animals|People see wild animals at the zoo.|at the zoo/in the zoo
Where do people cook?|where people cook|People cook in the kitchen.|in the kitchen
Where do people take a bath?|where people take a bath|People take a bath in the bathroom.|in the bathroom
Where do people catch a train?|where people catch a train|People catch a train at the station.|at the station
Where do people catch a plane?|where people catch a plane|People catch a plane at the airport.|at the airport
Where do people go when they are sick?|where people go when they are sick|People go to the doctor when they are sick.|to the doctor
Where do people keep money?|where people keep money|People keep money in a bank.|in a bank
Where do people see a movie?|where people see a movie|People see a movie at the cinema.|at the cinema
Where do people plant flowers?|where people plant flowers|People plant flowers in a garden.|in a garden/in the garden
Where do fish swim?|where fish swim|Fish swim in water.|in water/in the water
Where does milk come from?|where milk comes from|Milk comes from cows.|from cows/cows
Where does honey come from?|where honey comes from|Honey comes from bees.|from bees/bees
Where does wool come from?|where wool comes from|Wool comes from sheep.|from sheep/sheep
Where do eggs come from?|where eggs come from|Eggs come from hens.|from hens/hens
Where does wood come from?|where wood comes from|Wood comes from trees.|from trees/trees
Where does rain come from?|where rain comes from|Rain comes from clouds.|from clouds/clouds
"""
