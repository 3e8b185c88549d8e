"""First names of people that are no other word of English, however a sentence begins.

Common names of many countries. Those that English also has as a word, a month or a place (Rose, Mark, April,
Austin) are missing on purpose: at the beginning of a sentence nobody can tell which is meant.
"""

from __future__ import annotations

FIRST_NAMES = frozenset(
    """
    Aaron Abdul Abigail Abraham Adam Adele Adrian Adriana Agnes Ahmed Aidan Aisha Akira Alan Albert Alberto
    Alejandra Alejandro Aleksander Alex Alexander Alexandra Alexis Alfred Ali Alice Alicia Alison Allison
    Amanda Amelia Amina Amir Amy Ana Andrea Andreas Andrew Andy Angela Angelina Anita Anjali Ann Anna Anne
    Annette Annie Anthony Antoine Antonia Antonio Arjun Arthur Ashley Audrey Barbara Barry Beatrice Becky
    Ben Benjamin Bernard Bernd Beth Bethany Betty Beverly Bianca Birgit Bob Bobby Bonnie Brad Bradley
    Brandon Brenda Brian Brianna Bruce Bruno Bryan Caleb Camille Carla Carlos Carmen Caroline Carolyn
    Catherine Cathy Cecilia Celine Charles Charlie Charlotte Cheryl Chloe Chris Christina Christine
    Christoph Christopher Cindy Claire Clara Claudia Claus Colin Connie Connor Craig Cynthia Daniel Daniela
    Danielle Danny Darren Dave David Deborah Debra Delphine Denise Dennis Derek Diana Diane Diego Dieter
    Dimitri Dmitri Dominic Donald Donna Doris Dorothy Doug Douglas Duncan Dylan Ed Eddie Edgar Edith Eduardo
    Edward Edwin Eileen Elaine Eleanor Elena Elias Elijah Elisabeth Elizabeth Ella Ellen Emily Emma Enrique
    Eric Erica Erik Erika Erin Ernest Esther Ethan Eugene Eva Evan Evelyn Fatima Felipe Felix Fernando Fiona
    Florian Frances Francesca Francesco Francis Francisco Franz Fred Frederick Gabriel Gabriela Gareth Gary
    Geoffrey George Gerald Gerard Gianna Gilbert Gina Giovanni Giulia Gloria Gonzalo Gordon Greg Gregory
    Greta Guillermo Gustavo Hannah Hans Harold Harriet Harry Hassan Hector Heidi Heinz Helen Helena Helga
    Henri Henry Herbert Hiroshi Horst Howard Hugo Ian Ibrahim Ignacio Igor Ines Ingrid Irene Irina Isaac
    Isabel Isabella Isabelle Ivan Jackie Jacob Jacqueline Jacques Jaime Jake James Jamie Jane Janet Janice
    Jason Javier Jean Jeff Jeffrey Jenna Jennifer Jenny Jeremy Jerome Jesse Jessica Jill Jim Jimmy Joan
    Joanna Joanne Joaquin Joe Joel Johan Johanna Johannes John Johnny Jon Jonas Jonathan Jorge Jose Josef
    Joseph Joshua Juan Juanita Judith Judy Julia Julian Juliana Julie Juliette Karen Karim Karin Karl Karla
    Kate Katherine Kathleen Kathryn Kathy Katie Katrina Keith Kelly Kelsey Ken Kenneth Kevin Khalid Kim
    Kimberly Klaus Kristen Kristin Kurt Kyle Larry Lars Laura Lauren Laurent Leah Leila Lena Leo Leon
    Leonard Leslie Liam Linda Lisa Lorenzo Lori Louise Lucas Lucia Luciana Lucy Luis Lukas Luke Lydia
    Lynn Maggie Malcolm Manfred Manuel Marc Marcel Marco Marcus Margaret Maria Mariam Marianne Marie Mario
    Marion Marisa Marjorie Markus Marlene Marta Martha Martin Martina Mary Mateo Matthew Matthias Maureen
    Maurice Megan Mehmet Mei Melanie Melinda Melissa Mia Michael Michaela Michel Michele Michelle Miguel
    Mike Mildred Mina Miriam Mohamed Mohammed Moira Molly Monica Monika Morgan Muhammad Nadia Nancy Naomi
    Natalia Natalie Natasha Nathan Neil Nicholas Nicolas Nicole Nigel Nina Noah Noel Nora Norma Norman Oleg
    Olga Oliver Olivia Omar Oscar Otto Owen Pablo Pamela Patricia Patrick Paul Paula Pauline Pedro Peter
    Petra Philip Philippe Phillip Phyllis Pierre Pilar Priya Rachel Rafael Rainer Rajesh Ralph Ramon Raymond
    Rebecca Regina Renate Rene Ricardo Richard Rick Rita Robert Roberta Roberto Rodrigo Roger Roland Ron
    Ronald Rosa Rosemarie Roxanne Roy Ruben Rudolf Russell Ruth Ryan Sabine Sabrina Sally Salvador Sam
    Samantha Samira Samuel Sandra Sanjay Sara Sarah Scott Sean Sebastian Sergei Sergio Shannon Sharon Shawn
    Sheila Shirley Silvia Simon Simone Sonia Sophia Sophie Stacy Stanley Stefan Stefanie Stella Stephan
    Stephanie Stephen Steve Steven Stuart Susan Susanne Sven Svetlana Sylvia Tamara Tanya Ted Teresa Terry
    Theo Theodore Theresa Thomas Tiffany Tim Timothy Tina Todd Tom Tommy Tony Tracy Travis Tyler Ulrich Uwe
    Valentina Valerie Vanessa Vernon Veronica Vicki Vincent Vivian Vladimir Walter Wanda Warren Wayne Wendy
    Werner Wilhelm William Wolfgang Xavier Yolanda Yuki Yusuf Yvette Yvonne Zachary Zoe
    """.split()  # noqa: SIM905  # a line for each name would be hundreds of lines
)
