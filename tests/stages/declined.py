"""Refusals as writers word them, and true sentences that sound like them, in the languages of the packs."""

from __future__ import annotations

#: Whole replies that decline what was asked.
REFUSALS = {
    "English": """
I'm sorry, but I can't help with that.
As an AI language model, I cannot write such a text. I hope you understand.
As an AI, I can't create fake reviews, since they could mislead people.
As a language model, I'm not able to write content that impersonates a patient.
As an AI assistant, I am unable to generate this type of text.
I cannot write this review because it would be deceptive.
I can't assist with that request.
I'm unable to fulfill this request.
I must respectfully decline this request.
Sorry, I can't comply with that.
I apologize, but I cannot generate this kind of content.
I'm not able to help with that.
Unfortunately, I cannot provide such a text.
I won't write that kind of message.
I do not feel comfortable writing this review.
I'm sorry, but I am not able to create a note about a patient.
I'm afraid I can't do that.
It is not possible for me to write that text.
Sorry, but I'm unable to continue this conversation.
I cannot fulfil your request to write a fake complaint.
I can't write fake reviews. Is there something else I can do for you?
I'm sorry, I cannot answer this question.
This request violates my content policy.
My guidelines do not allow me to write such texts.
I'm really sorry, but I cannot assist you with this.
I will not generate reviews that could mislead people.
I have to decline, as this text could harm others.
I am sorry, but as an AI language model I cannot write a medical note.
I regret that I cannot write the text you asked for.
I'm unable to produce the note you requested.
""",
    "German": """
Es tut mir leid, aber ich kann diese Anfrage nicht beantworten.
Es tut mir leid, aber ich kann dabei nicht helfen.
Ich kann Ihnen dabei leider nicht helfen.
Entschuldigung, aber ich kann diesen Text nicht schreiben.
Leider kann ich diese Anfrage nicht erfüllen.
Ich kann diese Bitte leider nicht erfüllen.
Tut mir leid, damit kann ich nicht dienen.
Ich bin nicht in der Lage, diese Anfrage zu bearbeiten.
Es tut mir leid, ich kann keine solchen Texte verfassen.
Als KI-Sprachmodell kann ich keinen solchen Text schreiben.
Als KI kann ich diese Notiz nicht erstellen.
Ich darf solche Inhalte nicht erstellen.
Es ist mir nicht möglich, diesen Text zu schreiben.
Ich möchte diesen Text nicht schreiben, da er irreführend wäre.
Ich muss diese Anfrage leider ablehnen.
Leider kann ich Ihnen bei dieser Anfrage nicht weiterhelfen.
Entschuldigen Sie bitte, aber ich kann dazu keine Auskunft geben.
Ich kann keine gefälschten Bewertungen schreiben.
Es tut mir leid, aber ich kann dieser Aufforderung nicht nachkommen.
Ich kann Ihrer Bitte leider nicht nachkommen.
Diese Anfrage kann ich leider nicht bearbeiten.
Das kann ich leider nicht schreiben.
Diese Anfrage verstößt gegen meine Richtlinien.
Meine Richtlinien erlauben es mir nicht, solche Texte zu schreiben.
Es tut mir leid, aber das kann ich nicht tun.
Ich bedauere, aber ich kann diese Art von Inhalt nicht erstellen.
Ich kann leider keine medizinischen Notizen erstellen.
Ich bin leider nicht in der Lage, einen solchen Text zu verfassen.
Als Sprachmodell ist es mir nicht möglich, diese Notiz zu schreiben.
Ich kann diese Frage nicht beantworten.
""",
    "French": """
Je suis désolé, mais je ne peux pas répondre à cette demande.
Désolé, je ne peux pas vous aider.
Je suis désolée, mais je ne peux pas écrire ce texte.
Malheureusement, je ne peux pas rédiger ce type de contenu.
Je ne peux pas répondre à votre demande.
Je suis désolé, mais je ne suis pas en mesure de répondre à cette question.
En tant que modèle de langage, je ne peux pas écrire un tel texte.
En tant qu'IA, je ne peux pas rédiger cette note.
Je ne peux pas satisfaire cette demande.
Je regrette, mais je ne peux pas vous aider avec cela.
Je ne peux pas créer de faux avis.
Je dois refuser cette demande.
Il m'est impossible d'écrire ce texte.
Je ne suis pas autorisé à générer ce contenu.
Désolé, mais je ne peux pas donner suite à votre demande.
Je ne peux malheureusement pas vous aider.
Je m'excuse, mais je ne peux pas accéder à votre demande.
Cette demande va à l'encontre de mes directives.
Mes directives ne me permettent pas d'écrire de tels textes.
Je suis désolé, je ne peux pas faire cela.
Je ne peux pas produire ce genre de contenu.
Je préfère ne pas écrire ce texte.
Je suis navré, mais je ne peux pas fournir ce texte.
Je ne suis pas en mesure d'aider avec cette demande.
Toutes mes excuses, mais je ne peux pas générer cette critique.
Je ne peux pas vous fournir ce type de texte.
Je ne peux pas traiter cette demande.
Désolé, je ne suis pas capable d'écrire une telle note.
Je ne peux pas rédiger de faux avis, car cela tromperait les lecteurs.
Je suis désolé, mais en tant qu'assistant je ne peux pas écrire cette lettre.
""",
    "Spanish": """
Lo siento, pero no puedo responder a esa solicitud.
Lo siento, no puedo ayudarte con eso.
Lo siento, pero no puedo escribir ese texto.
Lamentablemente, no puedo cumplir con tu solicitud.
No puedo atender esta petición.
Como modelo de lenguaje, no puedo escribir un texto así.
Como IA, no puedo redactar esta nota.
No puedo ayudarte con esta solicitud.
No me es posible escribir este texto.
Lo lamento, pero no puedo generar ese tipo de contenido.
No puedo crear reseñas falsas.
Debo rechazar esta solicitud.
No estoy en condiciones de escribir este texto.
No estoy autorizado a generar este contenido.
Disculpa, pero no puedo hacer eso.
No puedo proporcionar ese tipo de texto.
Perdón, pero no puedo responder a esta pregunta.
Esta solicitud va en contra de mis normas.
Mis directrices no me permiten escribir textos así.
Lo siento, pero no puedo continuar con esta conversación.
No puedo escribir una reseña falsa, porque engañaría a los lectores.
Siento no poder ayudarte con esto.
Lo siento mucho, pero no puedo realizar esta tarea.
No puedo procesar tu solicitud.
Me temo que no puedo ayudarle con eso.
Lo siento, pero como asistente no puedo escribir esta carta.
No soy capaz de generar una nota de ese tipo.
Prefiero no escribir este texto.
No puedo generar contenido de ese tipo.
Lo siento, no puedo cumplir esa petición.
""",
}
#: Sentences of people that decline something else, or regret something.
TRUE = {
    "English": """
I cannot help with the move on Friday, I'm sorry; my back hurts.
I'm sorry, but I can't help you with the garden before June.
I can't help but love this little kettle.
I'm sorry, but the soup was cold and the bread was stale.
Unfortunately, I cannot write with my right hand since the fall.
I cannot create an account, because the page asks for a code I never got.
I am unable to answer the phone during my shift.
I can't do this job without my glasses.
I'm afraid I can't come to the meeting on Monday.
I will not write another review of this shop.
I cannot provide a receipt, as I threw it away.
Sorry, I can't help with lunch tomorrow, I have a dentist's appointment.
I can't assist at the church this week because of the flu.
As an AI engineer, I cannot work without two screens.
I'm not able to continue with the tablets, they make me dizzy.
I must decline the second dose, as I had a fever after the first.
I cannot recommend this tent to anyone who camps in the rain.
I won't answer questions about my salary at work.
I don't feel comfortable driving at night.
I can't write this off as a one-time mistake; it happened three times.
I cannot discuss this with my mother, she worries too much.
It is not possible for me to lift the box alone.
My insurance does not allow me to see another doctor.
I can't help my daughter with her homework any more, the maths is too hard.
Sorry, but I won't order here again.
I cannot do that with one hand.
I'm unable to help at the stall, I'm sorry, but I can bake a cake.
The request was denied by the insurance, so I paid myself.
I can't fulfil the order until the paper arrives.
I cannot continue the course next term because I am moving.
""",
    "German": """
Ich kann diese Woche leider nicht beim Umzug helfen, mein Rücken tut weh.
Ich kann Ihnen den Schlüssel nicht vor Montag geben.
Es tut mir leid, aber ich kann diese Woche nicht kommen.
Ich kann diese Tabletten nicht empfehlen.
Leider kann ich Ihnen bei der Gartenarbeit nicht helfen.
Ich kann diese Schuhe nicht länger als eine Stunde tragen.
Ich kann das Gerät nicht einschalten.
Ich kann mit der linken Hand nicht schreiben.
Patientin kann Fragen nicht beantworten, wirkt schläfrig.
Ich kann keine Texte auf dem kleinen Bildschirm lesen.
Es tut mir leid, dass die Suppe kalt war.
Ich bin nicht in der Lage, schwere Kisten zu heben.
Ich muss die zweite Impfung leider ablehnen.
Leider darf ich in der Schicht nicht telefonieren.
Es ist mir nicht möglich, am Freitag zu arbeiten.
Das kann ich nicht mehr essen, es ist zu salzig.
Ich kann dir das Buch leider nicht leihen, es ist verschenkt.
Ich kann keine Rechnung vorlegen, weil ich sie weggeworfen habe.
Der Antrag kann erst im Mai bearbeitet werden.
Ich möchte diesen Tee nicht noch einmal kaufen.
Als Lehrerin kann ich nicht jeden Abend schreiben.
Ich kann die Frage des Arztes nach dem Datum nicht beantworten, ich weiß es nicht mehr.
Entschuldigung, ich kann heute nicht länger bleiben.
Ich kann diese Nacht nicht schlafen, die Nachbarn sind laut.
Ich konnte die Anfrage des Kunden gestern nicht mehr bearbeiten.
Leider kann ich diesen Laden nicht weiterempfehlen.
Ich kann diesen Stress nicht mehr aushalten.
Ich kann das nicht allein tragen.
Das kann ich mir leider nicht leisten.
Ich kann Ihnen leider nicht sagen, wann das Paket kam.
""",
    "French": """
Je ne peux pas vous aider samedi pour le déménagement, j'ai mal au dos.
Je ne peux pas répondre au téléphone pendant mon service.
Je suis désolé, mais la soupe était froide.
Je ne peux pas écrire avec la main droite depuis ma chute.
Malheureusement, je ne peux pas venir lundi.
Je ne peux pas recommander ce restaurant.
Je ne suis pas en mesure de porter des cartons lourds.
Je ne peux pas créer de compte, la page demande un code.
Il m'est impossible de dormir la nuit.
Je dois refuser la deuxième dose à cause de la fièvre.
Désolée, je ne peux pas rester plus longtemps ce soir.
Je ne peux pas faire cela avec une seule main.
Je ne peux pas fournir de facture, je l'ai jetée.
La patiente ne peut pas répondre aux questions.
Je ne peux pas vous dire quand le colis est arrivé.
Je ne peux plus manger cela, c'est trop salé.
En tant qu'infirmière, je ne peux pas travailler tous les week-ends.
Je regrette d'avoir acheté ce téléphone.
Je ne peux pas lire les petits textes sur l'écran.
Je ne peux pas aider ma fille avec ses devoirs de maths.
Je préfère ne pas conduire la nuit.
Je suis désolé, je ne peux pas payer avant la fin du mois.
Je ne peux pas produire assez de lait pour le bébé.
Je ne peux pas rédiger mon rapport, l'ordinateur est en panne.
Cette demande a été refusée par l'assurance.
Je ne peux pas traiter cette commande avant jeudi, le stock est vide.
Je ne suis pas capable de monter les escaliers.
Je ne peux pas donner mon avis, je ne l'ai pas encore essayé.
Je ne peux pas vous aider à porter le canapé.
Malheureusement, je ne peux pas vous rembourser la caution.
""",
    "Spanish": """
No puedo ayudarte el viernes con la mudanza, me duele la espalda.
No puedo responder al teléfono durante mi turno.
Lo siento, pero la sopa estaba fría.
No puedo escribir con la mano derecha desde la caída.
Lamentablemente, no puedo ir el lunes.
No puedo recomendar este restaurante.
No estoy en condiciones de levantar cajas pesadas.
No puedo crear una cuenta, la página pide un código.
Me es imposible dormir por la noche.
Debo rechazar la segunda dosis por la fiebre.
Lo siento, no puedo quedarme más tiempo hoy.
No puedo hacer eso con una sola mano.
No puedo presentar la factura, la tiré.
La paciente no puede responder a las preguntas.
No puedo decirle cuándo llegó el paquete.
No puedo comer más de esto, está muy salado.
Como enfermera, no puedo trabajar todos los fines de semana.
Siento no haber comprado otro teléfono.
No puedo leer los textos pequeños en la pantalla.
No puedo ayudar a mi hija con los deberes de matemáticas.
Prefiero no conducir de noche.
Lo siento, no puedo pagar antes de fin de mes.
No puedo generar tanta leche para el bebé.
No puedo redactar mi informe, el ordenador no funciona.
Esta solicitud fue rechazada por el seguro.
No puedo procesar este pedido antes del jueves, no hay existencias.
No soy capaz de subir las escaleras.
No puedo dar mi opinión, todavía no lo he probado.
No puedo ayudarle a llevar el sofá.
No puedo atender a esta clienta ahora, estoy solo en la tienda.
""",
}


def each(texts: str) -> list[str]:
    """The lines of one language."""
    return texts.strip().splitlines()
