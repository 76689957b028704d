"""Questions about articles of :mod:`.text` that a person has written, with their answers.

The author of the chapter on question answering drew articles at random among those of which the rules in
:mod:`.questions` ask nothing, and wrote a question wherever the article states a short fact that somebody might want
to know. The author saw the article while writing, but avoided its wording. One author, one answer each: a check of what
was found with the many questions made by rules, not a benchmark.
"""

from __future__ import annotations

import pandas as pd

from .text import wikipedia_articles

_ASKED = """
Rosh Hashanah|What is the Jewish New Year called in the Bible?|Yom Teruah
Kabuki|What is the make-up of kabuki actors called?|kumadori
Chinese language|How many people have some kind of Chinese as their mother tongue?|1.39 billion
Dune|What is a flat desert covered with wind-blown sand called?|ergs
Jöns Jacob Berzelius|In which year did Berzelius join the Swedish academy?|1808
Hamster|How many species of hamster are there?|19
Akbar|Who was the father of Akbar the Great?|Humayun
History of Australia|On which day did the Australian colonies become one country?|1 January 1901
Decebalus|Under which emperor were the Romans first beaten by Decebalus?|Domitian
Tortoise|To which order do tortoises belong?|Testudines
Federated States of Micronesia|How many islands make up the state of Micronesia?|607
Lan Xang|When did the kingdom of Lan Xang come to an end?|1707
Carpenter ant|On which continent are there no carpenter ants?|Antarctica
Helmet|What material protects the heads of soldiers today?|Kevlar
Franz Boas|What honorary name was given to Franz Boas?|Father of American Anthropology
Almond|Which fruit is the closest relative of the almond?|peach
Vytautas the Great|For which cousin did Vytautas rule Lithuania at first?|Jogaila
White Nile|What gives the White Nile its colour?|clay sediment
Czech language|How many speakers of Czech are there?|12 million
Crimean Khanate|Who founded the Crimean Khanate?|Hacı I Giray
Galliformes|What are waterfowl called in Latin?|Anseriformes
Double bass|How many strings does a double bass have?|four or five
New York City|Into how many boroughs is New York divided?|five
Rajinikanth|How many films has Rajinikanth made?|170
Qingdao|Which sea can one see from Qingdao?|Yellow Sea
Theravada|What share of Buddhists follow the Theravada school?|36%
Winter Olympic Games|In which month do the Winter Olympics usually take place?|February
Brown algae|Which class do the brown seaweeds form?|Phaeophyceae
Hereford cattle|Which English county gave its name to a breed of beef cattle?|Herefordshire
Interplanetary medium|Where does the matter between the planets end?|heliopause
Gottfried Wilhelm Leibniz|Who invented calculus besides Leibniz?|Isaac Newton
Second Opium War|Which country was Britain's ally in the Second Opium War?|France
Knossos|On which island are the ruins of Knossos?|Crete
Honoré de Balzac|What is Balzac's main work called?|La Comédie humaine
Childbirth|How many children were born in the world in 2023?|132 million
Marco Polo|When did Marco Polo's journey through Asia end?|1295
Resplendent quetzal|To which family do quetzals belong?|Trogonidae
Gabriel García Márquez|What was the nickname of García Márquez?|Gabo
Basalt|How much of the volcanic rock on our planet is basalt?|90%
1970 Bhola cyclone|How many people were killed by the Bhola cyclone?|300,000
Lake Baikal|Which is the deepest lake on our planet?|Lake Baikal
Dmitri Shostakovich|Which work made Shostakovich famous abroad?|First Symphony
Marcel Mauss|Whose nephew was the ethnologist Mauss?|Émile Durkheim
Babe Didrikson Zaharias|How many major golf titles did Babe Zaharias win?|10
Jayavarman VII|Who was the father of the Khmer king Jayavarman VII?|Dharanindravarman II
Shenzhen|Which city lies south of Shenzhen?|Hong Kong
Akhenaten|What name did Akhenaten bear at first?|Amenhotep IV
Calcium chloride|From which acid can calcium chloride be made?|hydrochloric acid
Achaemenid Empire|Who founded the first Persian empire?|Cyrus the Great
Leptodactylidae|From which language does the name of the southern frogs come?|Greek
Hayao Miyazaki|Which animation studio did Miyazaki help to found?|Studio Ghibli
Civil law (legal system)|In which year did Germany get its civil code?|1900
Chola dynasty|Under which ruler do inscriptions first mention the Cholas?|Ashoka
Boxing|What do boxers wear on their hands?|protective gloves
"""


def asked_by_hand(*, unchecked: bool = False) -> pd.DataFrame:
    """Questions written by hand: columns ``question``, ``answer`` and ``article`` (row of the articles).

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.
    """
    titles = {title: place for place, title in enumerate(wikipedia_articles(unchecked=unchecked).title)}
    rows = [line.split("|") for line in _ASKED.strip().splitlines()]
    return pd.DataFrame(
        [{"question": asked, "answer": answer, "article": titles[title]} for title, asked, answer in rows]
    )
